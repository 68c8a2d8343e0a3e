// swish
module {
  func.func private @swish_kernel(
      %x: memref<4773xf32> {llvm.noalias},
      %out: memref<4773xf32> {llvm.noalias},
      %core: i64) {
    %c = arith.constant 0 : i64
    %c_2 = arith.constant 1024 : i64
    %c_3 = arith.constant -1024 : i64
    %v6 = arith.muli %core, %c_3 : i64
    %c_4 = arith.constant 4773 : i64
    %v8 = arith.addi %v6, %c_4 : i64
    %v9 = arith.cmpi slt, %c_2, %v8 : i64
    %v10 = arith.select %v9, %c_2, %v8 : i64
    %c_5 = arith.constant 32 : i64
    %v12 = arith.divsi %v10, %c_5 : i64
    %v13 = arith.muli %v12, %c_5 : i64
    %v14 = arith.muli %core, %c_2 : i64
    %cst = arith.constant 1.5 : f32
    %cst_2 = arith.constant dense<1.5> : vector<16xf32>
    %cst_3 = arith.constant dense<-104.0> : vector<16xf32>
    %cst_4 = arith.constant dense<1.442695> : vector<16xf32>
    %cst_5 = arith.constant dense<1.2582912e+07> : vector<16xf32>
    %cst_6 = arith.constant dense<-0.6933594> : vector<16xf32>
    %cst_7 = arith.constant dense<0.00021219444> : vector<16xf32>
    %cst_8 = arith.constant dense<0.00019875691> : vector<16xf32>
    %cst_9 = arith.constant dense<0.0013981999> : vector<16xf32>
    %cst_10 = arith.constant dense<0.008333452> : vector<16xf32>
    %cst_11 = arith.constant dense<0.041665796> : vector<16xf32>
    %cst_12 = arith.constant dense<0.16666666> : vector<16xf32>
    %cst_13 = arith.constant dense<0.5> : vector<16xf32>
    %cst_14 = arith.constant dense<1.0> : vector<16xf32>
    %c_6 = arith.constant dense<1262485353> : vector<16xi32>
    %c_7 = arith.constant dense<23> : vector<16xi32>
    %cst_15 = arith.constant dense<5.9604645e-08> : vector<16xf32>
    %cst_16 = arith.constant dense<0.0> : vector<16xf32>
    %c_8 = arith.constant 16 : i64
    %c32 = arith.constant 32 : i64
    scf.for %i = %c to %v13 step %c32 : i64 {
      %v36 = arith.addi %v14, %i : i64
      %at = arith.index_cast %v36 : i64 to index
      %v38 = vector.load %x[%at] : memref<4773xf32>, vector<16xf32>
      %v39 = arith.mulf %v38, %cst_2 fastmath<contract> : vector<16xf32>
      %v40 = math.absf %v39 : vector<16xf32>
      %v41 = arith.negf %v40 : vector<16xf32>
      %v42 = arith.cmpf olt, %v41, %cst_3 : vector<16xf32>
      %v43 = arith.select %v42, %cst_3, %v41 : vector<16xi1>, vector<16xf32>
      %v44 = math.fma %v43, %cst_4, %cst_5 : vector<16xf32>
      %v45 = arith.subf %v44, %cst_5 fastmath<contract> : vector<16xf32>
      %v46 = math.fma %v45, %cst_6, %v43 : vector<16xf32>
      %v47 = math.fma %v45, %cst_7, %v46 : vector<16xf32>
      %v48 = arith.bitcast %v44 : vector<16xf32> to vector<16xi32>
      %v49 = math.fma %cst_8, %v47, %cst_9 : vector<16xf32>
      %v50 = math.fma %v49, %v47, %cst_10 : vector<16xf32>
      %v51 = math.fma %v50, %v47, %cst_11 : vector<16xf32>
      %v52 = math.fma %v51, %v47, %cst_12 : vector<16xf32>
      %v53 = math.fma %v52, %v47, %cst_13 : vector<16xf32>
      %v54 = arith.mulf %v47, %v47 fastmath<contract> : vector<16xf32>
      %v55 = math.fma %v53, %v54, %v47 : vector<16xf32>
      %v56 = arith.addf %v55, %cst_14 fastmath<contract> : vector<16xf32>
      %v57 = arith.subi %v48, %c_6 : vector<16xi32>
      %v58 = arith.shli %v57, %c_7 : vector<16xi32>
      %v59 = arith.bitcast %v58 : vector<16xi32> to vector<16xf32>
      %v60 = arith.mulf %v56, %v59 fastmath<contract> : vector<16xf32>
      %v61 = arith.mulf %v60, %cst_15 fastmath<contract> : vector<16xf32>
      %v62 = arith.cmpf olt, %v39, %cst_16 : vector<16xf32>
      %v63 = arith.select %v62, %v61, %cst_14 : vector<16xi1>, vector<16xf32>
      %v64 = arith.addf %v61, %cst_14 fastmath<contract> : vector<16xf32>
      %v65 = arith.divf %v63, %v64 : vector<16xf32>
      %v66 = arith.mulf %v38, %v65 fastmath<contract> : vector<16xf32>
      %at_2 = arith.index_cast %v36 : i64 to index
      vector.store %v66, %out[%at_2] : memref<4773xf32>, vector<16xf32>
      %v68 = arith.addi %v36, %c_8 : i64
      %at_3 = arith.index_cast %v68 : i64 to index
      %v70 = vector.load %x[%at_3] : memref<4773xf32>, vector<16xf32>
      %v71 = arith.mulf %v70, %cst_2 fastmath<contract> : vector<16xf32>
      %v72 = math.absf %v71 : vector<16xf32>
      %v73 = arith.negf %v72 : vector<16xf32>
      %v74 = arith.cmpf olt, %v73, %cst_3 : vector<16xf32>
      %v75 = arith.select %v74, %cst_3, %v73 : vector<16xi1>, vector<16xf32>
      %v76 = math.fma %v75, %cst_4, %cst_5 : vector<16xf32>
      %v77 = arith.subf %v76, %cst_5 fastmath<contract> : vector<16xf32>
      %v78 = math.fma %v77, %cst_6, %v75 : vector<16xf32>
      %v79 = math.fma %v77, %cst_7, %v78 : vector<16xf32>
      %v80 = arith.bitcast %v76 : vector<16xf32> to vector<16xi32>
      %v81 = math.fma %cst_8, %v79, %cst_9 : vector<16xf32>
      %v82 = math.fma %v81, %v79, %cst_10 : vector<16xf32>
      %v83 = math.fma %v82, %v79, %cst_11 : vector<16xf32>
      %v84 = math.fma %v83, %v79, %cst_12 : vector<16xf32>
      %v85 = math.fma %v84, %v79, %cst_13 : vector<16xf32>
      %v86 = arith.mulf %v79, %v79 fastmath<contract> : vector<16xf32>
      %v87 = math.fma %v85, %v86, %v79 : vector<16xf32>
      %v88 = arith.addf %v87, %cst_14 fastmath<contract> : vector<16xf32>
      %v89 = arith.subi %v80, %c_6 : vector<16xi32>
      %v90 = arith.shli %v89, %c_7 : vector<16xi32>
      %v91 = arith.bitcast %v90 : vector<16xi32> to vector<16xf32>
      %v92 = arith.mulf %v88, %v91 fastmath<contract> : vector<16xf32>
      %v93 = arith.mulf %v92, %cst_15 fastmath<contract> : vector<16xf32>
      %v94 = arith.cmpf olt, %v71, %cst_16 : vector<16xf32>
      %v95 = arith.select %v94, %v93, %cst_14 : vector<16xi1>, vector<16xf32>
      %v96 = arith.addf %v93, %cst_14 fastmath<contract> : vector<16xf32>
      %v97 = arith.divf %v95, %v96 : vector<16xf32>
      %v98 = arith.mulf %v70, %v97 fastmath<contract> : vector<16xf32>
      %at_4 = arith.index_cast %v68 : i64 to index
      vector.store %v98, %out[%at_4] : memref<4773xf32>, vector<16xf32>
    }
    %c_9 = arith.constant -1 : i64
    %c16 = arith.constant 16 : i64
    scf.for %i_2 = %v13 to %v10 step %c16 : i64 {
      %v103 = arith.muli %i_2, %c_9 : i64
      %v104 = arith.addi %v10, %v103 : i64
      %v105 = arith.cmpi slt, %v104, %c_8 : i64
      %v106 = arith.select %v105, %v104, %c_8 : i64
      %v107 = arith.addi %v14, %i_2 : i64
      %at_5 = arith.index_cast %v107 : i64 to index
      %at_6 = arith.index_cast %v106 : i64 to index
      %mask = vector.create_mask %at_6 : vector<16xi1>
      %zero = arith.constant dense<0.0> : vector<16xf32>
      %v112 = vector.maskedload %x[%at_5], %mask, %zero : memref<4773xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
      %v113 = arith.mulf %v112, %cst_2 fastmath<contract> : vector<16xf32>
      %v114 = math.absf %v113 : vector<16xf32>
      %v115 = arith.negf %v114 : vector<16xf32>
      %v116 = arith.cmpf olt, %v115, %cst_3 : vector<16xf32>
      %v117 = arith.select %v116, %cst_3, %v115 : vector<16xi1>, vector<16xf32>
      %v118 = math.fma %v117, %cst_4, %cst_5 : vector<16xf32>
      %v119 = arith.subf %v118, %cst_5 fastmath<contract> : vector<16xf32>
      %v120 = math.fma %v119, %cst_6, %v117 : vector<16xf32>
      %v121 = math.fma %v119, %cst_7, %v120 : vector<16xf32>
      %v122 = arith.bitcast %v118 : vector<16xf32> to vector<16xi32>
      %v123 = math.fma %cst_8, %v121, %cst_9 : vector<16xf32>
      %v124 = math.fma %v123, %v121, %cst_10 : vector<16xf32>
      %v125 = math.fma %v124, %v121, %cst_11 : vector<16xf32>
      %v126 = math.fma %v125, %v121, %cst_12 : vector<16xf32>
      %v127 = math.fma %v126, %v121, %cst_13 : vector<16xf32>
      %v128 = arith.mulf %v121, %v121 fastmath<contract> : vector<16xf32>
      %v129 = math.fma %v127, %v128, %v121 : vector<16xf32>
      %v130 = arith.addf %v129, %cst_14 fastmath<contract> : vector<16xf32>
      %v131 = arith.subi %v122, %c_6 : vector<16xi32>
      %v132 = arith.shli %v131, %c_7 : vector<16xi32>
      %v133 = arith.bitcast %v132 : vector<16xi32> to vector<16xf32>
      %v134 = arith.mulf %v130, %v133 fastmath<contract> : vector<16xf32>
      %v135 = arith.mulf %v134, %cst_15 fastmath<contract> : vector<16xf32>
      %v136 = arith.cmpf olt, %v113, %cst_16 : vector<16xf32>
      %v137 = arith.select %v136, %v135, %cst_14 : vector<16xi1>, vector<16xf32>
      %v138 = arith.addf %v135, %cst_14 fastmath<contract> : vector<16xf32>
      %v139 = arith.divf %v137, %v138 : vector<16xf32>
      %v140 = arith.mulf %v112, %v139 fastmath<contract> : vector<16xf32>
      %at_7 = arith.index_cast %v107 : i64 to index
      %at_8 = arith.index_cast %v106 : i64 to index
      %mask_2 = vector.create_mask %at_8 : vector<16xi1>
      vector.maskedstore %out[%at_7], %mask_2, %v140 : memref<4773xf32>, vector<16xi1>, vector<16xf32>
    }
    return
  }

  func.func @launch_swish(%buffers: !llvm.ptr) -> i32 {
    %c1 = arith.constant 1 : i64
    %data2 = llvm.alloca %c1 x !llvm.array<2 x ptr> : (i64) -> !llvm.ptr
    %at3 = llvm.getelementptr %buffers[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p4 = llvm.load %at3 : !llvm.ptr -> !llvm.ptr
    %at5 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    llvm.store %p4, %at5 : !llvm.ptr, !llvm.ptr
    %at6 = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p7 = llvm.load %at6 : !llvm.ptr -> !llvm.ptr
    %at8 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    llvm.store %p7, %at8 : !llvm.ptr, !llvm.ptr
    %thread9 = arith.constant 0 : i64
    %at10 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p11 = llvm.load %at10 : !llvm.ptr -> !llvm.ptr
    %d12 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d13 = llvm.insertvalue %p11, %d12[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d14 = llvm.insertvalue %p11, %d13[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m15 = builtin.unrealized_conversion_cast %d14 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<4773xf32>
    %at16 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p17 = llvm.load %at16 : !llvm.ptr -> !llvm.ptr
    %d18 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d19 = llvm.insertvalue %p17, %d18[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d20 = llvm.insertvalue %p17, %d19[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m21 = builtin.unrealized_conversion_cast %d20 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<4773xf32>
    %c22 = arith.constant 1 : i64
    %cores23 = arith.constant 5 : i64
    scf.for %core23 = %thread9 to %cores23 step %c22 : i64 {
      func.call @swish_kernel(%m15, %m21, %core23) : (memref<4773xf32>, memref<4773xf32>, i64) -> ()
    }
    %ok = arith.constant 0 : i32
    return %ok : i32
  }
}
