module {
  func.func @vector_add(%arg0: tensor<1024xf32>, %arg1: tensor<1024xf32>) -> tensor<1024xf32> attributes {
    mindspore_kernel,
    process = "cuda",
    compute_capability = "sm_70"
  } {
    %0 = "mindspore.add"(%arg0, %arg1) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
    return %0 : tensor<1024xf32>
  }
}
